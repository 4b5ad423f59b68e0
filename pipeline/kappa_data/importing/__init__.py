"""What `kappa_data.importing.reader` is made of.

files.py       where the raw records come from: JSON Lines, parquet, a data set of the hub
openai.py      one format a file: raw record -> Draft
sharegpt.py
"""
