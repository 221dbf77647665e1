"""The events of watchdog. What watches is the host."""
