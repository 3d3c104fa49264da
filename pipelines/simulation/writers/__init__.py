"""One module per source system: typed frames in, the text that system exports out.

Each module returns `Export` objects (see `delimited`): a frame of text in the columns and spelling of the
system, and the layout (delimiter, quotes, encoding, header rows) in which that system writes it.
No randomness except for invented personal columns, and no dirt: that is `pipelines.simulation.dirt`.
"""
