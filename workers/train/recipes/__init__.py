"""One file per task, read top to bottom; recipes share no code with each other."""
