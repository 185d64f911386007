"""A trained student outside its study: its folder, card, ONNX forms, and files that it labels."""
