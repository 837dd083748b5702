"""Linear discriminant analysis, by its module before scikit-learn 0.17."""

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

LDA = LinearDiscriminantAnalysis
