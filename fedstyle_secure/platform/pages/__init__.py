"""What a platform shows to people."""
