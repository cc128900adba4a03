"""Which payment may mean which claim: every pair that evidence supports, with its evidence.

Evidence, strongest first: a reference found as written, the digits of a short one, a reference one slip
away, two slips, the same amount in the same currency. Nothing is decided here.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from mahnwerk.kernel.references import bare_form, distances, forms, tokens, with_slips

EXACT: Final = 5
"""The reference as written, long enough or with its letters to be nothing else."""
SHORT: Final = 4
"""The digits of a short reference; a date or a customer number may look the same."""
ONE_SLIP: Final = 3
TWO_SLIPS: Final = 2
AMOUNT: Final = 1
SURE_DIGITS: Final = 8

SAME_AMOUNT_MAX: Final = 40
"""More open claims of one amount than this say nothing about any of them (the 19.90 of every shop)."""
SAME_KEY_MAX: Final = 200
"""A spelling shared by more claims than this is a numbering scheme, not a reference."""

PAIRS: Final = {
    "payment_id": pl.Int64,
    "claim_id": pl.Int64,
    "evidence": pl.Int8,
    "token": pl.String,  # of the payment; "" for AMOUNT
    "reference": pl.String,
    "slips": pl.Int8,
}


def reference_pairs(payments: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Pairs whose reference stands in the payment's text, exactly or one slip away: PAIRS.

    How: exact tokens by join; then, for the payments' tokens only, spellings one deletion away, joined
    with the same of the claims' references, and each meeting compared sign by sign.
    """
    known = _reference_frame(claims)
    digits = known.filter(pl.col("reference").str.contains(r"^\d+$")).get_column("reference")
    found = _token_frame(payments, frozenset(digits.str.len_chars().unique().to_list()))
    if found.is_empty() or known.is_empty():
        return pl.DataFrame(schema=PAIRS)
    known_bare = _bare_frame(claims)
    exact = found.join(
        pl.concat([known, known_bare]), left_on="token", right_on="reference", how="inner"
    ).select(
        "payment_id",
        "claim_id",
        _exactness(pl.col("token")),
        "token",
        pl.col("token").alias("reference"),
        pl.lit(0, pl.Int8).alias("slips"),
    )
    # A token as written may still be a slip for a neighbour's number, so it is looked up both ways.
    written = exact.select("token").unique().with_columns(is_written=pl.lit(True))
    return pl.concat([exact, _near(found.join(written, on="token", how="left"), known)]).unique()


def _exactness(token: pl.Expr) -> pl.Expr:
    is_sure = (token.str.len_chars() >= SURE_DIGITS) | token.str.contains(r"[A-Z]")
    return pl.when(is_sure).then(pl.lit(EXACT)).otherwise(pl.lit(SHORT)).cast(pl.Int8).alias("evidence")


def _near(found: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    spelled = with_slips(found.select("token").unique(), "token")
    keys = spelled.get_column("key").unique()
    # Of a million references only those that meet a payment's spelling are kept, slice by slice.
    parts = [
        with_slips(part, "reference").filter(pl.col("key").is_in(keys.implode()))
        for part in known.select("reference").unique().iter_slices(200_000)
    ]
    near = pl.concat(parts)
    common = near.group_by("key").len().filter(pl.col("len") <= SAME_KEY_MAX).select("key")
    meetings = (
        near.join(common, on="key", how="semi")
        .join(spelled, on="key", how="inner")
        .select("token", "reference")
        .unique()
    )
    slips = pl.Series("slips", distances(meetings["token"], meetings["reference"]), pl.Int8)
    # Two slips in a short number make any number of any other.
    near_enough = pl.when(pl.col("reference").str.len_chars() >= SURE_DIGITS).then(2).otherwise(1)
    close = meetings.with_columns(slips).filter(pl.col("slips").is_between(1, near_enough))
    written = found.filter(pl.col("is_written")).select("token").unique()
    close = close.join(
        close.filter(pl.col("slips") == 2).join(written, on="token", how="semi"),
        on=["token", "reference"],
        how="anti",
    )
    return (
        found.drop("is_written")
        .join(close, on="token", how="inner")
        .join(known, on="reference", how="inner")
        .select(
            "payment_id",
            "claim_id",
            pl.when(pl.col("slips") == 1)
            .then(pl.lit(ONE_SLIP))
            .otherwise(pl.lit(TWO_SLIPS))
            .cast(pl.Int8)
            .alias("evidence"),
            "token",
            "reference",
            "slips",
        )
    )


def amount_pairs(
    payments: pl.DataFrame, claims: pl.DataFrame, tolerance_ppm: int, tolerance_cents: int
) -> pl.DataFrame:
    """Pairs of the same currency whose sum is the payment's, or a deduction within tolerance more.

    A claim's sums are what is open, that less its discount, and its other sums. Payments that fit more
    than SAME_AMOUNT_MAX sums get no pair.
    """
    parts = []
    offers = _sums(claims)
    for (currency,), wanted in payments.group_by("currency", maintain_order=True):
        offered = offers.filter(pl.col("currency") == currency).sort("cents", "claim_id")
        sums = offered["cents"]
        paid = wanted["amount_cents"]
        upper = (
            paid + wanted.select(allowed(pl.col("amount_cents"), tolerance_ppm, tolerance_cents)).to_series()
        )
        found = wanted.select("payment_id").with_columns(
            first=sums.search_sorted(paid - 2, side="left").cast(pl.Int64),
            last=sums.search_sorted(upper, side="right").cast(pl.Int64),
        )
        places = (
            found.filter((pl.col("last") - pl.col("first")).is_between(1, SAME_AMOUNT_MAX))
            .with_columns(place=pl.int_ranges("first", "last"))
            .explode("place")
        )
        parts.append(
            places.select("payment_id", claim_id=offered["claim_id"].gather(places["place"]))
            if places.height
            else pl.DataFrame(schema={"payment_id": pl.Int64, "claim_id": pl.Int64})
        )
    if not parts:
        return pl.DataFrame(schema=PAIRS)
    return (
        pl.concat(parts)
        .unique()
        .select(
            "payment_id",
            "claim_id",
            pl.lit(AMOUNT, pl.Int8).alias("evidence"),
            pl.lit("").alias("token"),
            pl.lit("").alias("reference"),
            pl.lit(0, pl.Int8).alias("slips"),
        )
    )


def _sums(claims: pl.DataFrame) -> pl.DataFrame:
    """claim_id, currency, cents: every sum that pays a claim in full."""
    base = claims.select("claim_id", "currency", cents="open_cents")
    lowered = claims.filter(pl.col("discount_cents") > 0).select(
        "claim_id",
        "currency",
        cents=pl.min_horizontal("open_cents", pl.col("other_cents").list.min()) - pl.col("discount_cents"),
    )
    others = (
        claims.filter(pl.col("other_cents").list.len() > 0)
        .select("claim_id", "currency", cents="other_cents")
        .explode("cents")
        .drop_nulls("cents")
    )
    return pl.concat([base, lowered, others]).unique()


def allowed(amount: pl.Expr, tolerance_ppm: int, tolerance_cents: int) -> pl.Expr:
    """How much a payment may fall short and still mean the whole claim."""
    return pl.max_horizontal(pl.lit(tolerance_cents, pl.Int64), amount * tolerance_ppm // 1_000_000)


def _token_frame(payments: pl.DataFrame, lengths: frozenset[int]) -> pl.DataFrame:
    rows = [
        (payment_id, token)
        for payment_id, text in payments.select("payment_id", "text").iter_rows()
        for token in tokens(text, lengths)
    ]
    return pl.DataFrame(rows, schema={"payment_id": pl.Int64, "token": pl.String}, orient="row")


def _bare_frame(claims: pl.DataFrame) -> pl.DataFrame:
    """References as people write them without leading zeros; looked for as written only."""
    exploded = claims.select("claim_id", "references").explode("references").drop_nulls()
    zeros = exploded.filter(pl.col("references").str.contains(r"(^|[^0-9])0\d*[1-9]"))
    bare = zeros["references"].unique()
    spelled = pl.DataFrame(
        {"references": bare, "reference": [bare_form(written) for written in bare]},
        schema={"references": pl.String, "reference": pl.String},
    ).filter(pl.col("reference") != "")
    return zeros.join(spelled, on="references").select("claim_id", "reference").unique()


def _reference_frame(claims: pl.DataFrame) -> pl.DataFrame:
    exploded = claims.select("claim_id", "references").explode("references").drop_nulls()
    unique = exploded.get_column("references").unique()
    spelled = pl.DataFrame(
        [(written, form) for written in unique for form in forms(written)],
        schema={"references": pl.String, "reference": pl.String},
        orient="row",
    )
    return exploded.join(spelled, on="references", how="inner").select("claim_id", "reference").unique()
