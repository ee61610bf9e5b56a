"""Settings: frozen values, defaults < file < flags, every mistake reported at once."""
