"""The report as one HTML file: figures as charts and tables, and some conversations to read.

matplotlib is loaded by the functions that draw, not by importing this package.
"""
