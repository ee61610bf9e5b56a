"""Tables of any format: named columns, rows as they are read, errors that name file, line and column.

``formats.open_table`` opens a file by its name; ``columns`` says which of its columns mean what.
"""
