"""What happens to the data when disks and processes fail."""
