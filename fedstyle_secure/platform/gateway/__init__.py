"""The platform's door to the street: HTTP in, answers out. It writes what artists send, and drives nothing."""
