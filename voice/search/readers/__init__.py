"""One reader for each format: from the bytes of a file to its text and the structure of that."""
