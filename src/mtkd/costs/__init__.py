"""What a study's models cost to run: size, operations, time, on the machine at hand."""
