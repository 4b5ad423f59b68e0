"""Explains a technical concept over two to four turns, without tools."""
