"""A log that everybody can check: what a platform did, as digests, in a tree that only grows. Both sides import it."""
