"""The page of all pages: what each study of a folder asked and found, with a link to its page."""
