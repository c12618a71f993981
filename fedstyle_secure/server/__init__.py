"""What the server does with sums: it never sees one artist's update."""
