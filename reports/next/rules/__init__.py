"""The rules of the next study, a file for each state that a study is left in."""
