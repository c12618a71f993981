"""Pages for people at a machine of their own: an artist's, which the agent serves; an operator's, the platform."""
