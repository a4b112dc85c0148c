"""``bench --window``: how fast the real window is, and what it leaves behind."""
