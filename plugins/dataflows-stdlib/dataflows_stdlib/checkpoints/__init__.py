"""What a checkpoint is made of.

fingerprint   what the links of a flow are: their code and parameters
inputs        the local files that they read
store         the folder: what is in it, whether it is valid, how it is read
sink          how it is written
"""
