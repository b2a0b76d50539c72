"""The index page: question and answer of each study in a folder, with links to its pages."""
