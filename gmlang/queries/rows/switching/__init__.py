"""Questions about reals whose laws switch so often that histories of the switches are merged."""
