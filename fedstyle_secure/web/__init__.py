"""What reports and pages for people share: markup, drawings, one style sheet, and how a page is answered."""
