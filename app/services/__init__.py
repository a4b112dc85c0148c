"""Threads that read, compute and write; they answer with signals."""
