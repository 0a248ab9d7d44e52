"""A package on a pipe, for `stream` and `unstream`.

    wire      rows as lines of JSON, in which every type of Python has a form
    outlet    the end that is written to
    inlet     the end that is read from

Two formats. NDJSON is what the predecessor writes and reads: the descriptor on one line, then for each table
its rows, one a line, and an empty line. Arrow has a line of JSON with the descriptor, then for each table an
Arrow IPC stream, then a line of JSON with the numbers of rows. In both, a stream that was cut off is known by
what is missing.
"""
