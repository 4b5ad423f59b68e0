"""Measures of a persona's voice: pure functions over units of what was said.

scikit-learn is loaded by the functions that need it, not by importing this package.
"""
