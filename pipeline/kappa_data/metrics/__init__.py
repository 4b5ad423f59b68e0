"""Measures of a dataset: pure functions over units of what was said and over what is known of every
conversation.

scikit-learn and scipy are loaded by the functions that need them, not by importing this package.
"""
