"""What leads trainings: one process at a time, by a lease; what it knows is in the store."""
