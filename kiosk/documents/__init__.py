"""Forms, letters and receipts as PDF and pictures."""
