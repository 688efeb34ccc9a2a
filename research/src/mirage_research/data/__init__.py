"""What is measured on and trained on: corpora as samples, and the list of what weights that ship may learn from."""
