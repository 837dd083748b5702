"""Names of Theano, Lasagne, TensorFlow, Keras, PyTorch and NumPy, and what to write instead.

Code in the tables runs in ``tests/graph/test_foreign_names.py``, so every replacement exists.
"""

from __future__ import annotations

from typing import NamedTuple


class Advice(NamedTuple):
    """What to write instead of a name: code, and a remark. Either may be empty."""

    code: str = ""
    note: str = ""

    def __str__(self) -> str:
        code = f"Write {self.code}" if self.code else ""
        return f"{code}{'. ' * bool(code and self.note)}{self.note}".rstrip(".") + "."


def remark(note: str) -> Advice:
    return Advice("", note)


def repeat(names: str, advice: Advice) -> dict[str, Advice]:
    """Return the same advice for several names."""
    return dict.fromkeys(names.split(), advice)


_SIZE = "The number of results depends on the data, and shapes must be known before the program runs. "
_RECOMPILES = "Each number of results is compiled separately. "
_CHOOSE = "Use pel.where(condition, x, other) to choose, or x.at[condition].set(value) to replace"
_SORTED = "Use pel.sort and pel.diff, which is nonzero where a new value begins, or pel.bincount(x, length=n)"
_CHANGES = "Expressions are immutable. Use x = x.at[index].set(value) or pel.put_along_axis, which return a new one"
_DEVICE = "Programs run on the first device of JAX, and data move there by themselves; pel.function takes devices="
_CALL = "An expression is a formula; pel.function compiles it, and calling the function runs it"
_GRADIENT = "It returns the gradient as another expression"
_NO_TAPE = "Nothing is recorded: gradients exist only where pel.grad asks for them. pel.stop_gradient(x) blocks one"
_INITIALIZED = "Shared variables have their values from the start"
_RANDOM = "Random numbers come from a generator"
_HELD_OUT = "Metrics of Keras are in pel.nn.metrics; compile takes their names, as in metrics=['accuracy']"

FOREIGN_FUNCTIONS: dict[str, Advice] = {
    # NumPy
    "argwhere": Advice("pel.nonzero(x)", "It returns one vector for each axis"),
    **repeat("extract masked_select boolean_mask", Advice("x[pel.nonzero(x > 0)]", _RECOMPILES + _CHOOSE)),
    **repeat(
        "unique unique_all unique_counts unique_inverse unique_values intersect1d setdiff1d", remark(_SIZE + _SORTED)
    ),
    **repeat(
        "nansum nanmean nanprod nanmax nanmin nanvar nanstd",
        remark("Replace NaNs first, with pel.nan_to_num(x) or pel.where(pel.isnan(x), other, x)"),
    ),
    **repeat("empty empty_like", remark("Every expression has defined values. Use pel.zeros or pel.zeros_like")),
    **repeat("put place putmask copyto fill_diagonal scatter_nd_update index_copy", remark(_CHANGES)),
    **repeat(
        "array asarray as_tensor as_tensor_variable convert_to_tensor from_numpy Tensor", Advice("pel.constant(value)")
    ),
    "flatten": Advice("nn.Flatten()(x)", "It keeps the batch; x.flatten() and pel.ravel(x) join all axes"),
    "newaxis": Advice("x[:, None]"),
    **repeat("float16 float32 float64 int32 int64 uint8 bool_", Advice("x.astype('float32')", "A dtype is a string")),
    **repeat("pi inf nan e euler_gamma", remark("Constants are in NumPy, such as np.pi; expressions take them")),
    # Comparisons and arithmetic
    **repeat("eq", Advice("x == y", "pel.equal(x, y) does the same")),
    **repeat("ne neq", Advice("x != y", "pel.not_equal(x, y) does the same")),
    "gt": Advice("x > y"),
    "ge": Advice("x >= y"),
    "lt": Advice("x < y"),
    "le": Advice("x <= y"),
    "mul": Advice("x * y"),
    "sub": Advice("x - y"),
    "div": Advice("x / y"),
    "neg": Advice("-x"),
    "add_n": Advice("sum([x, y])"),
    **repeat("mm bmm batch_matmul batched_dot batch_dot addmm", Advice("x @ y")),
    "sqr": Advice("pel.square(x)"),
    "rsqrt": Advice("1 / pel.sqrt(x)"),
    "inverse": Advice("pel.linalg.inv(x)"),
    # Reductions
    "reduce_sum": Advice("pel.sum(x, axis=0)"),
    "reduce_mean": Advice("pel.mean(x, axis=0)"),
    "reduce_max": Advice("pel.max(x, axis=0)"),
    "reduce_min": Advice("pel.min(x, axis=0)"),
    "reduce_prod": Advice("pel.prod(x, axis=0)"),
    "reduce_all": Advice("pel.all(x, axis=0)"),
    "reduce_any": Advice("pel.any(x, axis=0)"),
    "reduce_std": Advice("pel.std(x, axis=0)"),
    "reduce_variance": Advice("pel.var(x, axis=0)"),
    **repeat("reduce_logsumexp logcumsumexp", Advice("pel.logsumexp(x, axis=0)")),
    "segment_sum": Advice("pel.zeros((3,)).at[labels].add(v)"),
    # Shapes
    **repeat("cat", Advice("pel.concatenate([x, y], axis=0)")),
    "pack": Advice("pel.stack([x, y])"),
    **repeat("unpack unbind", Advice("pel.unstack(square)")),
    **repeat("permute permute_dimensions dimshuffle", Advice("pel.transpose(x, (1, 0))")),
    "unsqueeze": Advice("pel.expand_dims(x, axis=0)"),
    "view": Advice("pel.reshape(x, (-1,))"),
    **repeat("unbroadcast patternbroadcast", remark("Shapes broadcast by NumPy's rules, without marks")),
    "batch_flatten": Advice("nn.Flatten()(x)"),
    "clip_by_value": Advice("pel.clip(x, 0, 1)"),
    "clamp": Advice("pel.clip(x, 0, 1)"),
    "gather_nd": Advice("x[i[:, 0], i[:, 1]]", "Each row of i is the index of an element"),
    "index_select": Advice("pel.take(x, labels, axis=0)"),
    "embedding_lookup": Advice("table[labels]"),
    "scatter": Advice("x.at[0].set(1)"),
    "range": Advice("pel.arange(3)"),
    "map_fn": Advice("pel.map(lambda row: row.sum(), x)"),
    "switch": Advice("pel.where(x > 0, x, y)", "pel.cond computes only one of two branches"),
    "ifelse": Advice("pel.cond(loss > 0, lambda: loss, lambda: 2 * loss)"),
    # Variables, sessions and gradients
    **repeat("Variable variable get_variable Parameter", Advice("pel.shared(value, 'w')", "It keeps a value")),
    **repeat(
        "placeholder fmatrix dmatrix lmatrix bmatrix wmatrix TensorType",
        Advice("pel.matrix('x', shape=('n', 3))", "pel.scalar, pel.vector and pel.tensor make other inputs"),
    ),
    **repeat("fvector dvector lvector", Advice("pel.vector('x', dtype='float64')")),
    **repeat("fscalar dscalar lscalar", Advice("pel.scalar('x', dtype='float64')")),
    **repeat("ftensor3 dtensor3 itensor3 ltensor3", Advice("pel.tensor3('x', dtype='float64')")),
    **repeat("ftensor4 dtensor4 itensor4 ltensor4", Advice("pel.tensor4('x', dtype='float64')")),
    **repeat("Session InteractiveSession get_default_graph Graph run", Advice("pel.function([x], x + 1)", _CALL)),
    **repeat("global_variables_initializer initialize_all_variables", remark(_INITIALIZED)),
    **repeat("trainable_variables global_variables", Advice("pel.parameters(loss)")),
    **repeat("GradientTape gradients gradient autograd jacobians", Advice("pel.grad(loss, w)", _GRADIENT)),
    "Rop": Advice("pel.jvp(v**2, v, v)"),
    "Lop": Advice("pel.vjp(v**2, v, v)"),
    **repeat("no_grad inference_mode enable_grad set_grad_enabled", remark(_NO_TAPE)),
    **repeat("detach disconnected_grad", Advice("pel.stop_gradient(x)")),
    **repeat("cuda device gpu is_gpu_available", remark(_DEVICE)),
    **repeat("assign assign_add assign_sub", Advice("pel.function([], updates={w: w + 1})")),
    "compile": Advice("pel.function([x], x + 1)", _CALL),
    "jit": Advice("pel.function([x], x + 1)", _CALL),
    # Random numbers
    **repeat("RandomStreams MRG_RandomStreams", Advice("pel.random.Generator(0)", _RANDOM)),
    **repeat("randn random_normal", Advice("pel.random.Generator(0).normal(size=(3,))", _RANDOM)),
    **repeat("rand random_uniform", Advice("pel.random.Generator(0).uniform(size=(3,))", _RANDOM)),
    "randint": Advice("pel.random.Generator(0).integers(0, 10, size=(3,))", _RANDOM),
    "truncated_normal": Advice("pel.random.Generator(0).truncated_normal(size=(3,))", _RANDOM),
    "bernoulli": Advice("pel.random.Generator(0).bernoulli(0.5, size=(3,))", _RANDOM),
    "multinomial": Advice("pel.random.Generator(0).categorical(x)", "x are logits; p= takes probabilities"),
    **repeat("manual_seed set_seed seed set_rng", Advice("pel.nn.set_random_seed(0)")),
    # Networks as functions
    **repeat("log_sigmoid logsigmoid", Advice("pel.log(pel.sigmoid(x))", "It is computed without overflow")),
    **repeat("relu6", Advice("pel.nn.activations.relu6(x)")),
    **repeat("conv2d", Advice("pel.conv(images, kernel)", "As a layer it is nn.Conv2D(8, 3)")),
    **repeat(
        "conv1d conv3d dnn_conv",
        remark("pel.conv takes sequences, images and volumes; the layers are nn.Conv1D to nn.Conv3D"),
    ),
    **repeat("max_pool2d pool2d pool_2d", Advice("nn.MaxPooling2D(2)(images)")),
    "avg_pool2d": Advice("nn.AveragePooling2D(2)(images)"),
    **repeat("batch_norm", Advice("nn.BatchNormalization()(x)")),
    **repeat("layer_norm", Advice("nn.LayerNormalization()(x)")),
    "bias_add": Advice("x + v"),
    **repeat("l2_normalize normalize", Advice("nn.UnitNormalization()(x)")),
    "linear": Advice("nn.Dense(3)(x)"),
    "softmax_cross_entropy_with_logits": Advice("pel.losses.categorical_crossentropy(y, x, from_logits=True)"),
    **repeat(
        "cross_entropy sparse_softmax_cross_entropy_with_logits nll_loss",
        Advice("pel.losses.sparse_categorical_crossentropy(labels, x, from_logits=True)"),
    ),
    **repeat(
        "sigmoid_cross_entropy_with_logits binary_cross_entropy_with_logits",
        Advice("pel.losses.binary_crossentropy(y, x, from_logits=True)"),
    ),
    **repeat("binary_cross_entropy", Advice("pel.losses.binary_crossentropy(y, x)")),
    **repeat("categorical_cross_entropy", Advice("pel.losses.categorical_crossentropy(y, x)")),
    **repeat("mse_loss squared_error squared_difference", Advice("pel.losses.mean_squared_error(y, x)")),
    **repeat("l1_loss absolute_difference", Advice("pel.losses.mean_absolute_error(y, x)")),
    "smooth_l1_loss": Advice("pel.losses.huber(y, x)"),
    **repeat(
        "to_categorical get_dummies",
        Advice(
            "np.eye(3, dtype='float32')[y_train]",
            "loss='sparse_categorical_crossentropy' takes labels; pel.one_hot(labels, 3) is for expressions",
        ),
    ),
    # Modules
    **repeat("layers", Advice("nn.Dense(3)", "Layers are in pel.nn")),
    **repeat("models engine", Advice("pel.Sequential([nn.Dense(3)])", "Models are in pel")),
    **repeat("activations", Advice("pel.nn.activations.relu(x)")),
    **repeat("initializers init", Advice("pel.nn.initializers.HeNormal()")),
    **repeat("regularizers", Advice("pel.nn.regularizers.L2(0.01)")),
    **repeat("constraints", Advice("pel.nn.constraints.NonNeg()")),
    **repeat("metrics", Advice("pel.nn.metrics.Precision()", _HELD_OUT)),
    **repeat("functional F nnet math backend K", Advice("pel.relu(x)", "Functions on expressions are in pel")),
    "nlinalg": Advice("pel.linalg.inv(x)"),
    **repeat("optim train updates", Advice("pel.optimizers.Adam(0.001)")),
    **repeat("datasets", remark("Data sets are in pel.data")),
    **repeat("keras tf torch theano np numpy utils", remark("Layers are in pel.nn, functions on expressions in pel")),
    "lr_scheduler": Advice(
        "pel.schedules.StepDecay(0.1, 1000, 0.5)", "A schedule is the learning_rate of an optimizer"
    ),
    # Layers
    **repeat(
        "Linear DenseLayer FullyConnected InnerProduct TimeDistributedDense AutoEncoder",
        Advice("nn.Dense(3)", "It takes the number of units; that of inputs is known at the first call"),
    ),
    "MaxoutDense": Advice("nn.Maxout(8, 2)"),
    **repeat("Convolution1D Conv1d Conv1DLayer", Advice("nn.Conv1D(8, 3)", "Channels are the last axis")),
    **repeat(
        "Convolution2D Conv2d Conv2DLayer", Advice("nn.Conv2D(8, (3, 3))", "Channels are the last axis of an image")
    ),
    **repeat("Convolution3D Conv3d Conv3DLayer", Advice("nn.Conv3D(8, 3)", "Channels are the last axis")),
    **repeat("AtrousConvolution2D DilatedConv2DLayer", Advice("nn.Conv2D(8, 3, dilation_rate=2)")),
    **repeat("SeparableConvolution2D", Advice("nn.SeparableConv2D(8, 3)")),
    **repeat("Deconvolution2D ConvTranspose2d TransposedConv2DLayer", Advice("nn.Conv2DTranspose(8, 3)")),
    **repeat("MaxPool1d MaxPool1D MaxPool1DLayer", Advice("nn.MaxPooling1D(2)")),
    **repeat("MaxPool2d MaxPool2D MaxPool2DLayer Pool2DLayer", Advice("nn.MaxPooling2D(2)")),
    **repeat("MaxPool3d MaxPool3D", Advice("nn.MaxPooling3D(2)")),
    **repeat("AvgPool1d AvgPool1D", Advice("nn.AveragePooling1D(2)")),
    **repeat("AvgPool2d AvgPool2D", Advice("nn.AveragePooling2D(2)")),
    **repeat("AdaptiveAvgPool2d GlobalAvgPool2D GlobalPoolLayer", Advice("nn.GlobalAveragePooling2D()")),
    **repeat("AdaptiveMaxPool2d GlobalMaxPool2D", Advice("nn.GlobalMaxPooling2D()")),
    **repeat("BatchNorm BatchNorm1d BatchNorm2d BatchNorm3d BatchNormLayer", Advice("nn.BatchNormalization()")),
    "LayerNorm": Advice("nn.LayerNormalization()"),
    "GroupNorm": Advice("nn.GroupNormalization(4)"),
    **repeat("InstanceNorm1d InstanceNorm2d", Advice("nn.GroupNormalization(groups=-1)")),
    "RMSNorm": Advice("nn.RMSNormalization()"),
    **repeat("DropoutLayer Dropout1d", Advice("nn.Dropout(0.5)")),
    "Dropout2d": Advice("nn.SpatialDropout2D(0.5)"),
    **repeat("EmbeddingLayer", Advice("nn.Embedding(1000, 16)")),
    **repeat("LSTMLayer LSTMCell", Advice("nn.LSTM(8)")),
    **repeat("GRULayer GRUCell", Advice("nn.GRU(8)")),
    **repeat("RecurrentLayer RNNCell SimpleRNNCell", Advice("nn.SimpleRNN(8)")),
    **repeat(
        "Merge MergeLayer ConcatLayer",
        Advice("nn.Concatenate()([x, y])", "nn.Add, nn.Multiply and nn.Average merge otherwise"),
    ),
    "ElemwiseSumLayer": Advice("nn.Add()([x, y])"),
    **repeat("ReshapeLayer", Advice("nn.Reshape((3, 1))")),
    **repeat("FlattenLayer", Advice("nn.Flatten()")),
    **repeat("NonlinearityLayer", Advice("nn.Activation('relu')")),
    **repeat("ReLu Relu", Advice("nn.ReLU()", "As a function it is pel.relu(x)")),
    **repeat("Sigmoid", Advice("nn.Activation('sigmoid')", "As a function it is pel.sigmoid(x)")),
    **repeat("Tanh", Advice("nn.Activation('tanh')", "As a function it is pel.tanh(x)")),
    **repeat("GELU", Advice("nn.Activation('gelu')")),
    **repeat("SiLU Swish", Advice("nn.Activation('silu')")),
    **repeat("LogSoftmax", Advice("nn.Activation('log_softmax')")),
    **repeat("Upsample UpsamplingNearest2d Upscale2DLayer", Advice("nn.UpSampling2D(2)")),
    **repeat("ZeroPad2d PadLayer", Advice("nn.ZeroPadding2D(1)")),
    **repeat("InputLayer", Advice("nn.Input((3,))")),
    "TransformerEncoderLayer": Advice("nn.MultiHeadAttention(num_heads=2, key_dim=4)"),
    "MultiheadAttention": Advice("nn.MultiHeadAttention(num_heads=2, key_dim=4)"),
    **repeat("Module", Advice("nn.Layer", "Subclass it, and define call(self, x)")),
    **repeat(
        "ModuleList ModuleDict ParameterList", remark("A list or dict of layers in an attribute of a layer is enough")
    ),
    "Sequential": Advice("pel.Sequential([nn.Dense(3)])"),
    "Model": Advice("pel.Model(inputs, outputs)"),
    **repeat("get_output", Advice("layer(x)")),
    # Losses
    **repeat(
        "CrossEntropyLoss NLLLoss",
        Advice("pel.losses.SparseCategoricalCrossentropy(from_logits=True)", "Its arguments are (y_true, y_pred)"),
    ),
    **repeat("BCELoss", Advice("pel.losses.BinaryCrossentropy()")),
    "BCEWithLogitsLoss": Advice("pel.losses.BinaryCrossentropy(from_logits=True)"),
    "MSELoss": Advice("pel.losses.MeanSquaredError()"),
    "L1Loss": Advice("pel.losses.MeanAbsoluteError()"),
    **repeat("SmoothL1Loss HuberLoss", Advice("pel.losses.Huber()")),
    "KLDivLoss": Advice("pel.losses.KLDivergence()"),
    "CTCLoss": Advice("pel.losses.CTC()"),
    # Optimizers
    **repeat("GradientDescentOptimizer", Advice("pel.optimizers.SGD(0.1)")),
    **repeat("MomentumOptimizer momentum", Advice("pel.optimizers.SGD(0.1, momentum=0.9)")),
    "nesterov_momentum": Advice("pel.optimizers.SGD(0.1, momentum=0.9, nesterov=True)"),
    **repeat("AdamOptimizer adam", Advice("pel.optimizers.Adam(0.001)")),
    **repeat("RMSPropOptimizer rmsprop RMSProp", Advice("pel.optimizers.RMSprop(0.001)")),
    **repeat("AdagradOptimizer adagrad", Advice("pel.optimizers.Adagrad(0.01)")),
    **repeat("AdadeltaOptimizer adadelta", Advice("pel.optimizers.Adadelta(1.0)")),
    "sgd": Advice("pel.optimizers.SGD(0.1)"),
    **repeat("StepLR MultiStepLR", Advice("pel.schedules.MultiStepDecay(0.1, [1000, 2000], 0.1)")),
    **repeat("ExponentialLR", Advice("pel.schedules.ExponentialDecay(0.1, 1000, 0.9)")),
    **repeat("CosineAnnealingLR", Advice("pel.schedules.CosineDecay(0.1, 1000)")),
    "OneCycleLR": Advice("pel.schedules.OneCycle(0.1, 1000)"),
    "LRScheduler": Advice("pel.callbacks.LearningRateScheduler(lambda epoch: 0.1)"),
}
"""Advice by the name of a function, class or module, wherever it is looked up."""

GET_VALUE = "For its value, use pel.function([...], expression), or expression.eval({input: value})"

_NO_VALUE = remark("An expression has no value until it runs. " + GET_VALUE + ". For a model, use model.predict(data)")
_KEEPS = remark(
    "Only shared variables (pel.shared) keep a value. Instead of w += 1, pass updates={w: w + 1} to pel.function"
)

FOREIGN_METHODS: dict[str, Advice] = {
    **repeat("item numpy tolist data value", _NO_VALUE),
    **repeat("get_value set_value", _KEEPS),
    **repeat("assign assign_add assign_sub copy_", _KEEPS),
    **repeat("cpu cuda to", remark(_DEVICE + ". " + GET_VALUE)),
    **repeat("backward", Advice("pel.grad(loss, w)", "The gradient is another expression")),
    "grad": remark("The gradient is another expression: pel.grad(cost, wrt)"),
    **repeat("requires_grad requires_grad_ retain_grad grad_fn is_leaf", remark(_NO_TAPE)),
    "detach": Advice("pel.stop_gradient(x)"),
    **repeat("clone copy contiguous", remark("Expressions are immutable and need no copy")),
    "dim": Advice("x.ndim", "It is the number of axes"),
    **repeat("size get_shape", Advice("x.shape", "pel.size(x, 0) is the length of an axis in a formula")),
    **repeat("permute dimshuffle", Advice("x.transpose(1, 0)")),
    "t": Advice("x.T"),
    "unsqueeze": Advice("pel.expand_dims(x, axis=0)"),
    **repeat("view view_as resize_", Advice("x.reshape((-1,))")),
    **repeat("expand expand_as", Advice("pel.broadcast_to(v, (3, 3))")),
    **repeat("float to_float", Advice("x.astype('float32')")),
    "double": Advice("x.astype('float64')"),
    "half": Advice("x.astype('float16')"),
    **repeat("long int", Advice("x.astype('int32')")),
    "bool": Advice("x.astype('bool')"),
    **repeat("mm bmm matmul", Advice("x @ y")),
    "norm": Advice("pel.norm(x)"),
    "masked_fill": Advice("pel.where(x > 0, 0, x)"),
    **repeat("gather index_select", Advice("pel.take(x, labels, axis=0)")),
    **repeat("scatter_ scatter index_fill_ masked_fill_ fill_ zero_", Advice("x.at[0].set(1)")),
    "scatter_add_": Advice("x.at[labels].add(1)"),
    "add_": Advice("x + y", "Expressions are immutable"),
    "sub_": Advice("x - y", "Expressions are immutable"),
    "mul_": Advice("x * y", "Expressions are immutable"),
    "div_": Advice("x / y", "Expressions are immutable"),
    **repeat("clamp clamp_ clip_by_value", Advice("pel.clip(x, 0, 1)")),
    **repeat("chunk", Advice("pel.array_split(x, 2)")),
    "eq": Advice("x == y"),
    "ne": Advice("x != y"),
    "gt": Advice("x > y"),
    "lt": Advice("x < y"),
    "sort": Advice("pel.sort(x)"),
    "fill": Advice("pel.full_like(x, 1)"),
    "run": Advice("pel.function([x], x + 1)", _CALL),
    **repeat("map apply", Advice("pel.map(lambda row: row.sum(), x)")),
}
"""Advice by the name of a missing method or attribute of an expression."""

FOREIGN_SHARED_METHODS: dict[str, Advice] = {
    **repeat("item numpy tolist data value cpu get", Advice("w.get_value()")),
    **repeat("assign copy_ set load", Advice("w.set_value(value)", "A program changes w by updates={w: w + 1}")),
    **repeat(
        "assign_add assign_sub add_ sub_", Advice("pel.function([], updates={w: w + 1})", "A program changes its state")
    ),
    **repeat("requires_grad requires_grad_", Advice("w.trainable", "False keeps optimizers from changing it")),
    "initializer": remark(_INITIALIZED),
}
"""Advice for shared variables, before that for expressions."""

_MODES = "A model has no modes: fit trains, and predict uses the inference form, as pel.inference does"

FOREIGN_MODEL_METHODS: dict[str, Advice] = {
    "fit_generator": Advice("model.fit(batches)", "Here batches yields (x, y)"),
    "evaluate_generator": Advice("model.evaluate(batches)", "Here batches yields (x, y)"),
    "predict_generator": Advice("model.predict(x_batches)", "Here x_batches yields arrays"),
    **repeat("forward", Advice("model.predict(x_train)", "layer(x) is for expressions")),
    **repeat("eval train no_grad", remark(_MODES)),
    **repeat("transform predict_prob", Advice("model.predict(x_train)")),
    **repeat("partial_fit", Advice("model.train_on_batch(x_train, t_train)")),
    "score": Advice("model.evaluate(x_train, t_train)"),
    "state_dict": Advice("model.get_weights()", "model.save_weights(path) writes them to a file"),
    "load_state_dict": Advice("model.set_weights(model.get_weights())", "model.load_weights(path) reads a file"),
    **repeat("named_parameters", Advice("model.state()")),
    **repeat(
        "weights trainable_weights trainable_variables variables non_trainable_weights", Advice("model.parameters")
    ),
    **repeat("weight W", Advice("layer.kernel")),
    "b": Advice("layer.bias"),
    **repeat("children modules named_modules named_children", Advice("model.layers")),
    **repeat("to cuda cpu", remark(_DEVICE)),
    **repeat("append push add_module register_module", Advice("pel.Sequential([nn.Dense(3)]).add(nn.Dense(2))")),
    **repeat(
        "zero_grad backward", remark("Gradients are not accumulated: fit, or an optimizer's updates, computes them")
    ),
    **repeat("requires_grad_ freeze", Advice("layer.trainable = False")),
    **repeat("output_shape", Advice("model.outputs[0].shape")),
    **repeat("input_shape", Advice("model.inputs[0].shape")),
    **repeat("output", Advice("model.outputs[0]", "The result of layer(x) is the output of a layer")),
    **repeat("input", Advice("model.inputs[0]")),
    "get_config": Advice("layer.config"),
    **repeat("from_config to_json to_yaml", Advice("model.to_source('toml')", "pel.from_toml reads it")),
    "count_params": Advice("sum(p.get_value().size for p in model.parameters)"),
    **repeat("add_loss add_metric", remark("Add a term to the loss, or a metric to compile(metrics=[...])")),
    "add_weight": Advice("layer.parameter", "Call it in build(self, x)"),
    **repeat("reset_states", remark("Layers keep no state between calls; pass initial_state")),
    "load": Advice("pel.load_model", "It returns a model"),
    "get_params": Advice("model.parameters"),
    **repeat("get_input_shape_at get_output_at", Advice("model.outputs[0]")),
    "plot": Advice("model.summary()"),
}
"""Advice by the name of a missing attribute of a model or layer."""

FOREIGN_OPTIMIZER_METHODS: dict[str, Advice] = {
    "zero_grad": remark("Gradients are not accumulated; every step computes them"),
    **repeat("minimize get_updates", Advice("optimizer.updates(loss)", "pel.function(..., updates=...) applies them")),
    **repeat("apply_gradients", Advice("optimizer.apply([2 * w], [w])", "Arguments are gradients, parameters")),
    **repeat("compute_gradients get_gradients", Advice("pel.grad(loss, w)")),
    **repeat("lr", Advice("optimizer.learning_rate")),
    "param_groups": Advice("pel.optimizers.SGD(0.1, multipliers={'w': 2.0})"),
    **repeat("state_dict get_weights", Advice("optimizer.state")),
    "get_config": Advice("optimizer.config"),
    "variables": Advice("optimizer.state"),
}
"""Advice by the name of a missing attribute of an optimizer."""

RENAMED_ARGUMENTS: dict[str, tuple[str, ...]] = {
    # Layers of Keras 1, Lasagne and PyTorch
    "output_dim": ("units",),
    "num_units": ("units",),
    "out_features": ("units",),
    "hidden_size": ("units",),
    "n_units": ("units",),
    "nb_filter": ("filters",),
    "num_filters": ("filters",),
    "out_channels": ("filters",),
    "nb_row": ("kernel_size",),
    "nb_col": ("kernel_size",),
    "filter_size": ("kernel_size",),
    "filter_length": ("kernel_size",),
    "border_mode": ("padding",),
    "pad": ("padding",),
    "subsample": ("strides",),
    "subsample_length": ("strides",),
    "stride": ("strides",),
    "atrous_rate": ("dilation_rate",),
    "dilation": ("dilation_rate",),
    "pool_length": ("pool_size",),
    "init": ("kernel_initializer", "embeddings_initializer", "depthwise_initializer"),
    "W": ("kernel_initializer", "embeddings_initializer"),
    "b": ("bias_initializer",),
    "inner_init": ("recurrent_initializer",),
    "nonlinearity": ("activation",),
    "inner_activation": ("recurrent_activation",),
    "W_regularizer": ("kernel_regularizer", "embeddings_regularizer"),
    "U_regularizer": ("recurrent_regularizer",),
    "b_regularizer": ("bias_regularizer",),
    "W_constraint": ("kernel_constraint", "embeddings_constraint"),
    "b_constraint": ("bias_constraint",),
    "bias": ("use_bias",),
    "p": ("rate",),
    "drop_rate": ("rate",),
    "sigma": ("stddev",),
    "std": ("stddev",),
    "dropout_W": ("dropout",),
    "dropout_U": ("recurrent_dropout",),
    "num_embeddings": ("input_dim",),
    "embedding_dim": ("output_dim",),
    "embed_dim": ("key_dim",),
    "eps": ("epsilon",),
    "mode": ("merge_mode",),
    "dim": ("axis",),
    "axes": ("axis",),
    "keepdim": ("keepdims",),
    "descend": ("descending",),
    "negative_slope": ("alpha", "negative_slope"),
    # Optimizers
    "lr": ("learning_rate",),
    "momentum": ("beta_1",),
    "rate": ("learning_rate",),
    "betas": ("beta_1",),
    "beta1": ("beta_1",),
    "beta2": ("beta_2",),
    "l2": ("weight_decay",),
    "clip": ("clipnorm",),
    "clip_norm": ("clipnorm",),
    "gradient_clip": ("clipnorm",),
    # Training and compiled functions
    "nb_epoch": ("epochs",),
    "n_epochs": ("epochs",),
    "num_epochs": ("epochs",),
    "samples_per_epoch": ("steps_per_epoch",),
    "nb_val_samples": ("validation_steps",),
    "val_samples": ("steps",),
    "val_data": ("validation_data",),
    "generator": ("x",),
    "metric": ("metrics",),
    "criterion": ("loss",),
    "optim": ("optimizer",),
    "objective": ("loss",),
    "mini_batch_size": ("batch_size",),
}
"""Our names of arguments, by their names in other libraries; only those that a function takes are suggested."""

FOREIGN_ARGUMENTS: dict[str, str] = {
    # Layers
    "activity_regularizer": "Add it to the loss: loss + nn.regularizers.L2(0.01)(layer(x)).",
    "batch_input_shape": "Begin the model with nn.Input(shape).",
    "batch_first": "The batch is always the first axis.",
    "data_format": "Channels are the last axis; x.transpose(0, 2, 3, 1) brings them there.",
    "dim_ordering": "Channels are the last axis; x.transpose(0, 2, 3, 1) brings them there.",
    "dtype": "A layer computes in the dtype of its input: nn.Input(shape, dtype), or x.astype(dtype).",
    "in_features": "The number of inputs is known at the first call.",
    "in_channels": "The number of channels is known at the first call.",
    "num_features": "The number of features is known at the first call.",
    "input_size": "The number of inputs is known at the first call.",
    "incoming": "Call the layer on its input, as in nn.Dense(3)(x).",
    "input_dim": "Begin the model with nn.Input(shape).",
    "input_length": "Begin the model with nn.Input(shape).",
    "input_shape": "Begin the model with nn.Input(shape).",
    "num_layers": "Stack layers yourself; all but the last need return_sequences=True.",
    "consume_less": "Loops are compiled for speed.",
    "stateful": "Pass the states on: return_state=True, and initial_state= at the next call.",
    "trainable": "Write layer.trainable = False.",
    "unroll": "Loops are compiled without unrolling.",
    "weights": "Write layer.set_weights(values) after the first call.",
    "inplace": "Expressions are immutable.",
    # Optimizers
    "params": "Parameters are found in the loss: optimizer.updates(loss).",
    "decay": "The learning rate may be a schedule: learning_rate=pel.schedules.InverseTimeDecay(0.1, 1, 1e-4).",
    # Training and compiled functions
    "show_accuracy": "Pass metrics=['accuracy'] to compile.",
    "class_mode": "The loss decides: binary_crossentropy for one sigmoid unit, categorical_crossentropy for a softmax.",
    "sample_weight_mode": "Weights per time step have the shape (samples, steps).",
    "run_eagerly": "Training is always compiled; mode='guard' of pel.function runs op by op.",
    "jit_compile": "Training is always compiled.",
    "workers": "A thread prepares batches in advance.",
    "nb_worker": "A thread prepares batches in advance.",
    "use_multiprocessing": "A thread prepares batches in advance.",
    "max_queue_size": "A thread prepares batches in advance.",
    "max_q_size": "A thread prepares batches in advance.",
    "allow_input_downcast": "Inputs are cast to the dtype of their expression, with a warning if they are rounded.",
    "borrow": "A shared variable copies its value.",
    "broadcastable": "Shapes broadcast by NumPy's rules, without marks.",
    "profile": "Call f.profile(...) of the compiled function.",
    "no_default_updates": "Random streams always update; f.copy(delete_updates=True) drops all updates.",
    "batch_shape": "nn.Input takes the shape of one sample, and batch_size=.",
    "tensor": "Any expression is an input: pel.Model(inputs, outputs).",
    "sparse": "Inputs are dense.",
    "feed_dict": "Call the function with its inputs: f(x_value), or f(x=x_value).",
    "create_graph": "Gradients are expressions and can be differentiated again.",
    "retain_graph": "Gradients are expressions and can be differentiated again.",
}
"""Explanations of arguments that have no counterpart."""

FOREIGN_CALL_ARGUMENTS: dict[str, str] = {
    "training": "Expressions are in training form; pel.inference(y) returns the inference form.",
    "deterministic": "Expressions are in training form; pel.inference(y) returns the inference form.",
    "initial_states": "Use initial_state.",
}
"""Explanations of arguments of a layer's call."""

FOREIGN_VALUES: dict[str, dict[str, tuple[str, str]]] = {
    "initializer": {
        "uniform": ("random_uniform", "In Keras 1 its range was 0.05; the default of layers is 'glorot_uniform'"),
        "normal": ("random_normal", "In Keras 1 its deviation was 0.05; a better one for ReLU is 'he_normal'"),
        "gaussian": ("random_normal", "For ReLU, 'he_normal' is better"),
        "random": ("random_normal", ""),
        "zero": ("zeros", "Only biases may begin at 0"),
        "one": ("ones", ""),
        "xavier": ("glorot_uniform", ""),
        "xavier_uniform": ("glorot_uniform", ""),
        "xavier_normal": ("glorot_normal", ""),
        "kaiming_uniform": ("he_uniform", ""),
        "kaiming_normal": ("he_normal", ""),
        "kaiming": ("he_normal", ""),
        "he": ("he_normal", ""),
        "glorot": ("glorot_uniform", ""),
    },
    "loss": {
        "cross_entropy": (
            "sparse_categorical_crossentropy",
            "It takes labels; categorical_crossentropy takes one-hot rows",
        ),
        "crossentropy": (
            "sparse_categorical_crossentropy",
            "It takes labels; categorical_crossentropy takes one-hot rows",
        ),
        "sparse_cross_entropy": ("sparse_categorical_crossentropy", ""),
        "nll": ("sparse_categorical_crossentropy", ""),
        "log_loss": ("binary_crossentropy", "For several classes, use categorical_crossentropy"),
        "logloss": ("binary_crossentropy", "For several classes, use categorical_crossentropy"),
        "l2": ("mse", ""),
        "l1": ("mae", ""),
        "rmse": ("mse", "It has the same minimum; the metric 'root_mean_squared_error' shows the root"),
    },
    "optimizer": {
        "gd": ("sgd", ""),
        "gradient_descent": ("sgd", ""),
        "momentum": ("sgd", "pel.optimizers.SGD(0.1, momentum=0.9)"),
    },
    "metric": {
        "f1": ("f1_score", ""),
        "r2": ("r2_score", ""),
    },
    "activation": {
        "lrelu": ("leaky_relu", ""),
        "logistic": ("sigmoid", ""),
        "identity": ("linear", ""),
        "none": ("linear", ""),
    },
}
"""For each kind of object with a name, our name and a remark, by the name in other libraries."""
