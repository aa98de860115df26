"""Back ends of file transfers: functions that the settings name by dotted paths."""
