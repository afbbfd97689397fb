"""Making ensembles: simulated training data, networks, fitting, export to a bundle. The one place that imports torch.

recipe -> data (simulator, normalise) -> augment -> fit (one network a member) -> export (ONNX) -> bundle
"""
