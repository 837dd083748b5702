"""Every heading of the workshop of 2016 has a place in the course, under an anchor with text about it."""

import re

from page_prose import count_words, list_sentences

from pellucid.course.site.sources import collect_pages

PLACES = {
    "what deep learning is": ("1_one_neuron", "deep-learning", "deep learning"),
    "neural networks": ("1_one_neuron", "layers", "network"),
    "the neuron": ("1_one_neuron", "neuron", "neuron"),
    "input layer": ("1_one_neuron", "input-layer", "input layer"),
    "hidden layer": ("1_one_neuron", "hidden-layer", "hidden layer"),
    "output layer": ("1_one_neuron", "output-layer", "output layer"),
    "activation functions": ("1_one_neuron", "activation-functions", "activation function"),
    "feedforward networks": ("1_one_neuron", "feedforward-networks", "feedforward"),
    "convolutional networks": ("7_seeing", "convolutional-networks", "convolution"),
    "recurrent networks": ("8_remembering", "recurrent-networks", "recurrent network"),
    "backpropagation": ("4_backpropagation", "backward-propagation", "backward propagation"),
    "the algorithm of backpropagation": ("4_backpropagation", "backpropagation-algorithm", "backpropagation"),
    "gradient descent": ("2_going_downhill", "gradient-descent", "gradient descent"),
    "GPU and CPU": ("6_formulas_as_programs", "gpu-and-cpu", "gpu"),
    "generating a data set": ("3_two_moons", "generating-data", "data"),
    "logistic regression": ("3_two_moons", "logistic-regression", "logistic regression"),
    "the boundary of logistic regression": ("3_two_moons", "decision-boundary", "decision boundary"),
    "loss": ("2_going_downhill", "loss", "loss"),
    "learning rate": ("2_going_downhill", "learning-rate", "learning rate"),
    "regularization strength": ("5_fitting_too_well", "regularization", "regularization strength"),
    "choosing the regularization strength": ("5_fitting_too_well", "subsampling", "strength"),
    "training": ("3_two_moons", "training", "train"),
    "hidden sizes": ("3_two_moons", "hidden-layer-sizes", "hidden units"),
    "hidden sizes and overfitting": ("5_fitting_too_well", "hidden-sizes", "hidden units"),
    "Theano's symbols": ("6_formulas_as_programs", "symbolic-variables", "symbolic variable"),
    "Theano's functions": ("6_formulas_as_programs", "functions", "function"),
    "Theano": ("9_your_own_data", "theano", "theano"),
    "TensorFlow": ("9_your_own_data", "tensorflow", "tensorflow"),
    "TensorFlow's graphs": ("6_formulas_as_programs", "tensorflow-graphs", "tensorflow"),
    "TensorFlow's softmax for digits": ("7_seeing", "tensorflow-softmax", "softmax"),
    "Lasagne": ("9_your_own_data", "lasagne", "lasagne"),
    "Lasagne's network for digits": ("7_seeing", "lasagne-network", "lasagne"),
    "Keras": ("9_your_own_data", "keras", "keras"),
    "Caffe": ("9_your_own_data", "caffe", "caffe"),
    "the feedforward image classifier": ("9_your_own_data", "image-classifier", "images"),
    "the recurrent adder": ("8_remembering", "recurrent-adder", "carry"),
    "convolution": ("7_seeing", "convolution", "convolution"),
    "pooling": ("7_seeing", "pooling", "pooling"),
    "the digits network": ("7_seeing", "digits-network", "network"),
    "further reading": ("reading", "further-reading", "titles"),
}
"""Page, anchor, and words of the section, by heading."""

MIN_WORDS = 30
PAGES = {page.name: page.text for page in collect_pages()}


def get_section(text: str, anchor: str) -> str:
    """Return the text from an anchor to the next heading of the same level or a higher one."""
    match = re.search(rf"^\({anchor}\)=\n(?:\([\w-]+\)=\n)*(#+) ", text, re.MULTILINE)
    assert match is not None, f"no anchor ({anchor})= above a heading"
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def test_each_heading_has_a_section() -> None:
    for heading, (name, anchor, words) in PLACES.items():
        sentences = list_sentences(get_section(PAGES[name], anchor))
        assert words in " ".join(sentences).lower(), heading
        assert sum(map(count_words, sentences)) >= MIN_WORDS, heading


def test_a_section_ends_at_the_next_heading() -> None:
    text = "(a)=\n(b)=\n## First\nOne.\n### Inside\nTwo.\n(c)=\n## Second\nThree.\n"
    assert get_section(text, "a") == get_section(text, "b") == "First\nOne.\n### Inside\nTwo.\n(c)=\n"
