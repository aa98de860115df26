"""Programs that ask a gateway before and after they fork."""
