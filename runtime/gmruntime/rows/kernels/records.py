"""The records that the loops over rows take; this file does not import numba."""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Bool, Float64, Int32, Int64


class Steps(NamedTuple):
    """A program as arrays. Results lie in one array, tables of ones behind them.

    Attributes:
        sizes: the number of states of each variable.
        axis_start: where the axes of each step begin, and where the last end.
        axes: the variables of each step: those of its result, then the one that is summed out.
        inner: the variable that each step sums out, -1 for none.
        operand_start: where the operands of each step begin, and where the last end.
        given: for each operand, its number among the tables that rows point at, or -1.
        made_by: for each operand, the step whose result it is, or -1.
        base: for each operand that is not given, where it begins.
        stride_start: where the strides of each step begin, and where the last end.
        strides: for each axis of a step, those of the result and of each operand.
        result_start: where the result of each step begins.
        num_results: the entries of all results.
        num_entries: the same with the tables of ones.
    """

    sizes: Int64[np.ndarray, " variables"]
    axis_start: Int64[np.ndarray, " steps_and_end"]
    axes: Int64[np.ndarray, " all_axes"]
    inner: Int64[np.ndarray, " steps"]
    operand_start: Int64[np.ndarray, " steps_and_end"]
    given: Int64[np.ndarray, " operands"]
    made_by: Int64[np.ndarray, " operands"]
    base: Int64[np.ndarray, " operands"]
    stride_start: Int64[np.ndarray, " steps_and_end"]
    strides: Int64[np.ndarray, " all_strides"]
    result_start: Int64[np.ndarray, " steps"]
    num_results: int
    num_entries: int


class Rows(NamedTuple):
    """The rows that a program is run for.

    Attributes:
        evidence: the state of each variable, -1 where it is latent.
        pointers: where each table begins in the pool.
        weights: what the counts of each row are multiplied with.
        pool_start: where the pool lies behind a program's own tables.
    """

    evidence: Int32[np.ndarray, "rows variables"]
    pointers: Int64[np.ndarray, "rows factors"]
    weights: Float64[np.ndarray, " rows"]
    pool_start: int


class Work(NamedTuple):
    """What a thread works on.

    Attributes:
        values: the results of steps, tables of ones, then the pool of all tables.
        derivatives: of log Z times a row's weight by each of the values; those of the pool are
            added up over rows.
        is_latent: the pattern of the row before.
        active: the steps that this row leaves anything of, and in [-1] how many those are.
        num_free: how many axes of each step that row left free.
        free: which, by their position among the step's axes.
        num_live: how many operands of each step have a free axis in that row.
        live: which, by their position among the step's operands, from 1.
        bases: where the result and each live operand of each step begin in this row.
        largest: entry of each step's result.
        inverse: of the largest entries of each step's operands.
        counters: of axes.
        at: where the result and each operand of a step are.
        along: how far each of them moves along the axis that is summed out.
        across: how far each of them moves along the last free axis of the result.
        before: products of the operands before each.
    """

    values: Float64[np.ndarray, " entries"]
    derivatives: Float64[np.ndarray, " entries"]
    is_latent: Int64[np.ndarray, " variables"]
    active: Int64[np.ndarray, " steps_and_count"]
    num_free: Int64[np.ndarray, " steps"]
    free: Int64[np.ndarray, " all_axes"]
    num_live: Int64[np.ndarray, " steps"]
    live: Int64[np.ndarray, " operands"]
    bases: Int64[np.ndarray, " results_and_operands"]
    largest: Float64[np.ndarray, " steps"]
    inverse: Float64[np.ndarray, " steps"]
    counters: Int64[np.ndarray, " axes"]
    at: Int64[np.ndarray, " tables"]
    along: Int64[np.ndarray, " tables"]
    across: Int64[np.ndarray, " tables"]
    before: Float64[np.ndarray, " tables"]


class Lanes(NamedTuple):
    """What a thread works on that runs several rows side by side, one a lane.

    Attributes:
        values: the results of steps.
        derivatives: of log Z times a row's weight by each of them.
        pool: all tables.
        pool_derivatives: the same derivatives by each of their entries, added up over rows.
        is_shared: whether all rows point at the same place for each table.
        largest: entry of each step's result.
        inverse: of the largest entries of each step's operands.
        product: of operands.
        total: of products, or what a result hands on.
        read: an entry of an operand.
        spread: sums of derivatives.
        before: products of the operands before each.
        counters: of axes.
        at: where the result and each operand of a step are.
        along: how far each of them moves along the axis that is summed out.
    """

    values: Float64[np.ndarray, "results lanes"]
    derivatives: Float64[np.ndarray, "results lanes"]
    pool: Float64[np.ndarray, " entries"]
    pool_derivatives: Float64[np.ndarray, " entries"]
    is_shared: Bool[np.ndarray, " factors"]
    largest: Float64[np.ndarray, "steps lanes"]
    inverse: Float64[np.ndarray, "steps lanes"]
    product: Float64[np.ndarray, " lanes"]
    total: Float64[np.ndarray, " lanes"]
    read: Float64[np.ndarray, " lanes"]
    spread: Float64[np.ndarray, " lanes"]
    before: Float64[np.ndarray, "tables lanes"]
    counters: Int64[np.ndarray, " axes"]
    at: Int64[np.ndarray, " tables"]
    along: Int64[np.ndarray, " tables"]


class Found(NamedTuple):
    """What is found for each row.

    Attributes:
        log_z: natural log of Z, without what was taken out of the tables; -inf where a result was
            0 throughout. Tables that a row observes whole are left to others.
        failed: the step whose result was 0 throughout, -1 where none was.
        loss: a bound on what Z lacks, as a part of it, for floats that were too small to be held;
            NaN where no bound is known.
        beliefs: the probability of each state of the variables that are watched.
        states: the best assignment of each row, where that is looked for.
    """

    log_z: Float64[np.ndarray, " rows"]
    failed: Int64[np.ndarray, " rows"]
    loss: Float64[np.ndarray, " rows"]
    beliefs: Float64[np.ndarray, "rows watched"]
    states: Int32[np.ndarray, "rows variables"]


def new_work(
    steps: Steps, values: Float64[np.ndarray, " entries"], derivatives: np.ndarray
) -> Work:
    """Return room for a thread in two arrays that hold any program's tables and the pool."""
    num_steps = len(steps.inner)
    tables = int(np.diff(steps.operand_start).max(initial=0)) + 1
    values[steps.num_results : steps.num_entries] = 1.0
    return Work(
        values,
        derivatives,
        np.full(len(steps.sizes), -1, np.int64),
        np.zeros(num_steps + 1, np.int64),
        np.zeros(num_steps, np.int64),
        np.zeros(len(steps.axes), np.int64),
        np.zeros(num_steps, np.int64),
        np.zeros(len(steps.given), np.int64),
        np.zeros(len(steps.given) + num_steps, np.int64),
        np.zeros(num_steps),
        np.zeros(num_steps),
        np.zeros(int(np.diff(steps.axis_start).max(initial=0)) + 1, np.int64),
        np.zeros(tables, np.int64),
        np.zeros(tables, np.int64),
        np.zeros(tables, np.int64),
        np.zeros(tables),
    )


def new_lanes(
    steps: Steps,
    is_shared: Bool[np.ndarray, " factors"],
    pool: Float64[np.ndarray, " entries"],
    pool_derivatives: Float64[np.ndarray, " entries"],
    width: int,
) -> Lanes:
    """Return room for a thread that runs so many rows side by side."""
    num_steps = len(steps.inner)
    tables = int(np.diff(steps.operand_start).max(initial=0)) + 1
    return Lanes(
        np.zeros((steps.num_results, width)),
        np.zeros((steps.num_results, width)),
        pool,
        pool_derivatives,
        is_shared,
        np.zeros((num_steps, width)),
        np.zeros((num_steps, width)),
        np.zeros(width),
        np.zeros(width),
        np.zeros(width),
        np.zeros(width),
        np.zeros((tables, width)),
        np.zeros(int(np.diff(steps.axis_start).max(initial=0)) + 1, np.int64),
        np.zeros(tables, np.int64),
        np.zeros(tables, np.int64),
    )


def new_found(num_rows: int, num_watched: int = 0, num_variables: int = 0) -> Found:
    """Return room for what is found; rows that are not reached stay NaN."""
    return Found(
        np.full(num_rows, np.nan),
        np.full(num_rows, -1, np.int64),
        np.zeros(num_rows),
        np.zeros((num_rows, num_watched)),
        np.full((num_rows, num_variables), -1, np.int32),
    )
