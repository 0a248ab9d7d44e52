"""The everyday processors of dataflows; each is found by its name in `dataflows_core.processors`."""
