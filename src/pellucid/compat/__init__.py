"""Old libraries on pellucid: Theano, TensorFlow before 2, Keras 1, and small parts of scikit-learn, OpenCV and imutils.

``pellucid legacy script.py`` runs a script with them. In Python, `import_hook.use_old_libraries` puts them in place.
Nothing else imports this package.
"""
