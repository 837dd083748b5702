"""Classifier of a folder of images, whose class is the beginning of each file name."""

from __future__ import print_function
import argparse
import os

import cv2
import numpy as np
from imutils import paths
from keras.layers import Activation, Dense
from keras.models import Sequential
from keras.optimizers import SGD
from keras.utils import np_utils
from sklearn.cross_validation import train_test_split
from sklearn.preprocessing import LabelEncoder


parser = argparse.ArgumentParser()
parser.add_argument("-d", "--dataset", required=True)
parser.add_argument("-e", "--epochs", type=int, default=20)
parser.add_argument("-n", "--count", type=int, default=None)
parser.add_argument("-s", "--size", type=int, default=32)
parser.add_argument("-r", "--rate", type=float, default=0.01)
parser.add_argument("-u", "--units", type=int, default=768)
args = vars(parser.parse_args())


def to_vector(image, size=(args["size"], args["size"])):
    return cv2.resize(image, size).flatten()


np.random.seed(7)
image_paths = list(paths.list_images(args["dataset"]))[: args["count"]]
data, labels = [], []
for i, path in enumerate(image_paths):
    image = cv2.imread(path)
    data.append(to_vector(image))
    labels.append(path.split(os.path.sep)[-1].split(".")[0])
    if i > 0 and i % 1000 == 0:
        print("[INFO] processed {}/{}".format(i, len(image_paths)))

encoder = LabelEncoder()
labels = np_utils.to_categorical(encoder.fit_transform(labels), 2)
data = np.array(data) / 255.0
(train_data, test_data, train_labels, test_labels) = train_test_split(data, labels, test_size=0.25, random_state=42)

model = Sequential()
model.add(Dense(args["units"], input_dim=data.shape[1], init="uniform", activation="relu"))
model.add(Dense(args["units"] // 2, init="uniform", activation="relu"))
model.add(Dense(2))
model.add(Activation("softmax"))
model.compile(loss="binary_crossentropy", optimizer=SGD(lr=args["rate"]), metrics=["accuracy"])
model.fit(train_data, train_labels, nb_epoch=args["epochs"], batch_size=128, verbose=1)
(loss, accuracy) = model.evaluate(test_data, test_labels, batch_size=128, verbose=1)
print("[INFO] loss={:.4f}, accuracy: {:.4f}%".format(loss, accuracy * 100))
