"""The ONNX forms of a student, and how far from it they may be."""

# Their files' names are those that the hub's tools look for.
FORMS = {"onnx": "model.onnx", "int8": "model_quantized.onnx"}
# How far each form's probabilities may be from the student's own: at most, on any example; and in
# the mean over examples, half the summed differences, as rounding to eight bits loses something.
MOST, MEAN = 1e-4, 0.05
