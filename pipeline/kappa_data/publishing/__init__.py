"""A release on its way out: what may leave, and how it gets to the Hub or into a folder."""
