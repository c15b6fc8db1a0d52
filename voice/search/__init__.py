"""The user's documents as knowledge: files, vector stores, passages, and the search over them."""
