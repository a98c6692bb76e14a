"""What loads and watches the apps."""
