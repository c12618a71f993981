"""The door to the street: every command of `fedstyle`."""
