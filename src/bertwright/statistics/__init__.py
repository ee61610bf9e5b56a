"""How far a measured figure can be trusted: intervals, paired tests, calibration, tables of classes."""
