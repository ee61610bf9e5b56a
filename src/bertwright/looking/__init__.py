"""Looking inside a network: what its heads attend to, and what its layers make of a word."""
