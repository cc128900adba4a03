"""Which payment may mean which claim: every pair that evidence supports, with its evidence.

Evidence, strongest first: a reference found as written, the digits of a short one, a reference one slip
away, two slips, the same amount in the same currency. Nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from mahnwerk.kernel.references import SIGNIFICANT_MIN, distances, meeting, tokens, with_slips

EXACT: Final = 5
"""The reference as written, long enough or with its letters to be nothing else."""
SHORT: Final = 4
"""The digits of a short reference; a date or a customer number may look the same."""
ONE_SLIP: Final = 3
TWO_SLIPS: Final = 2
AMOUNT: Final = 1
SURE_DIGITS: Final = 8

PAYMENTS_AT_ONCE: Final = 5_000
SAME_AMOUNT_MAX: Final = 10
"""More open claims of one amount than this (the 19.90 of every shop) say nothing without the payer."""
NEAR_MAX: Final = 10
"""Of more near references than this only those count that amount, debtor or payer speak for as well."""
SPARSE: Final = 1000
"""So many numbers possible for each one in use: a slip of the pen meets no other number."""
SAMPLE: Final = 20_000
SAMPLE_MIN: Final = 100
DIGITS_MAX: Final = 18
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


@dataclass(frozen=True)
class LookUp:
    """What stands in the payments' texts: tokens, own references, and where one is the other as written."""

    tokens: pl.DataFrame  # payment_id, token
    references: pl.DataFrame  # claim_id, reference
    exact: pl.DataFrame  # PAIRS


def look_up(payments: pl.DataFrame, claims: pl.DataFrame) -> LookUp:
    """Find the references that stand in the texts as written."""
    known = _reference_frame(claims)
    digits = known.filter(pl.col("reference").str.contains(r"^\d+$")).get_column("reference")
    found = _token_frame(payments, frozenset(digits.str.len_chars().unique().to_list()))
    written = pl.concat([known, _bare_frame(claims)])
    exact = found.join(written, left_on="token", right_on="reference", how="inner").select(
        "payment_id",
        "claim_id",
        _exactness(pl.col("token")),
        "token",
        pl.col("token").alias("reference"),
        pl.lit(0, pl.Int8).alias("slips"),
    )
    return LookUp(found, known, exact.unique())


def schemes_of(references: pl.Series) -> pl.DataFrame:
    """What the numbers of each numbering scheme look like.

    A scheme is sparse if so many numbers are possible (per place the digits that occur) for each one in use
    that a slip of the pen hardly ever meets another. Years and constant parts, in front or behind, do not
    make dense numbers sparse. Judged on a sample; with too few numbers a scheme counts as dense.

    Returns
    -------
    scheme (each digit a 9), lowest, highest (all digits as one number, the last 18), is_sparse.
    """
    digits = pl.col("reference").str.replace_all(r"\D", "").str.slice(-DIGITS_MAX)
    frame = (
        references.alias("reference")
        .to_frame()
        .with_columns(scheme=pl.col("reference").str.replace_all(r"\d", "9"))
    )
    sample = frame.gather_every(max(1, frame.height // SAMPLE)).with_columns(digits=digits)
    count = pl.len().over("scheme")
    possible = (
        sample.filter(count >= SAMPLE_MIN)
        .with_columns(count=count, place=pl.int_ranges(0, pl.col("digits").str.len_chars()))
        .explode("place")
        .with_columns(digit=pl.col("digits").str.slice(pl.col("place"), 1))
        .group_by("scheme", "place", "digit")
        .agg(pl.len(), pl.col("count").first())
        .filter(pl.col("len") * 100 >= pl.col("count"))
        .group_by("scheme", "place")
        .len("digits")
        .group_by("scheme")
        .agg(possible=pl.col("digits").log(10).sum())
    )
    number = digits.cast(pl.Int64, strict=False)
    return (
        frame.group_by("scheme")
        .agg(lowest=number.min(), highest=number.max(), count=pl.len())
        .join(possible, on="scheme", how="left")
        .with_columns(
            is_sparse=(pl.col("possible") >= (pl.col("count") * SPARSE).log(10)).fill_null(value=False)
        )
        .drop("count", "possible")
    )


def number_ranges(claims: pl.DataFrame) -> dict[str, int]:
    """Per dense numbering scheme (`references.shape`) the highest number a reference may have, open or not.

    What is open is a part of what was ever issued: lower numbers are paid, higher ones not yet due. So any
    number up to the highest and the whole range once more may be an invoice. Digits alone may be of any
    scheme with so many.
    """
    exploded = claims.select("references").explode("references").drop_nulls()
    schemes = schemes_of(exploded.select(_compacted("references")).to_series())
    found: dict[str, int] = {}
    for scheme, lowest, highest in (
        schemes.filter(~pl.col("is_sparse")).select("scheme", "lowest", "highest").drop_nulls().iter_rows()
    ):
        for known in {scheme, "9" * scheme.count("9")}:
            found[known] = max(2 * highest - lowest, found.get(known, 0))
    return found


def reference_pairs(payments: pl.DataFrame, claims: pl.DataFrame, look: LookUp | None = None) -> pl.DataFrame:
    """Pairs whose reference stands in the payment's text, exactly or a slip away: PAIRS.

    How: exact tokens by join; then, for the payments' tokens only, spellings one deletion away, joined
    with the same of the claims' references, and each meeting compared sign by sign. In dense numbers a slip
    meets many neighbours; then only those count that the amount, the debtor or the payer's name speak for.

    Parameters
    ----------
    look : what `look_up` found, perhaps for more payments and claims than these
    """
    look = look or look_up(payments, claims)
    found = look.tokens.join(payments.select("payment_id"), on="payment_id", how="semi")
    mine = payments.select("payment_id"), claims.select("claim_id")
    exact = look.exact.join(mine[0], on="payment_id", how="semi").join(mine[1], on="claim_id", how="semi")
    if found.is_empty() or look.references.is_empty():
        return exact
    # A token as written may still be a slip for a neighbour's number, so it is looked up both ways.
    written = exact.select("token").unique().with_columns(is_written=pl.lit(True))
    near = _near(found.join(written, on="token", how="left"), look.references)
    near = near.join(mine[1], on="claim_id", how="semi")
    return pl.concat([exact, _pruned(near, exact, payments, claims)]).unique()


def _pruned(
    near: pl.DataFrame, exact: pl.DataFrame, payments: pl.DataFrame, claims: pl.DataFrame
) -> pl.DataFrame:
    crowded = pl.col("claim_id").n_unique().over("payment_id") > NEAR_MAX
    few, many = near.filter(~crowded), near.filter(crowded)
    if many.is_empty():
        return near
    names = claims.select("claim_id", "debtor_id", "open_cents", "name")
    named = exact.join(names.select("claim_id", "debtor_id"), on="claim_id").select("payment_id", "debtor_id")
    own = pl.lit(True).alias("is_own")
    paid = payments.select("payment_id", "amount_cents", payer=name_key("name"))
    # The amount covers the whole claim with every discount a trade allows (a twentieth), or the name fits.
    difference = pl.col("open_cents") - pl.col("amount_cents")
    fits = difference.is_between(-2, pl.col("open_cents") // 20)
    kept = (
        many.join(paid, on="payment_id")
        .join(names.with_columns(debtor=name_key("name")).drop("name"), on="claim_id")
        .join(named.unique().with_columns(own), on=["payment_id", "debtor_id"], how="left")
        .filter(fits | pl.col("is_own").fill_null(False) | (pl.col("payer") == pl.col("debtor")))
        .select(list(PAIRS))
    )
    return pl.concat([few, kept])


def name_key(column: str) -> pl.Expr:
    """A name as compared for equality: small letters without accents, words in order of the alphabet."""
    plain = pl.col(column).str.to_lowercase().str.replace_many(list(_UMLAUTS), list(_UMLAUTS.values()))
    return plain.str.extract_all(r"[\p{L}0-9]+").list.sort().list.join("")


_UMLAUTS: Final = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "è": "e"}


def _exactness(token: pl.Expr) -> pl.Expr:
    is_sure = (token.str.len_chars() >= SURE_DIGITS) | token.str.contains(r"[A-Z]")
    return pl.when(is_sure).then(pl.lit(EXACT)).otherwise(pl.lit(SHORT)).cast(pl.Int8).alias("evidence")


def _near(found: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    spelled = with_slips(found.select("token").unique(), "token")
    near = meeting(known.get_column("reference").unique(), "reference", spelled.get_column("key").unique())
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

    A claim's sums are what is open, that less its discount, and its other sums. Of more than
    SAME_AMOUNT_MAX only those of debtors with the payer's name count.
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
    parts.append(_of_the_name(payments, claims, pl.concat(parts)))
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


def _of_the_name(payments: pl.DataFrame, claims: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Claims of debtors with the payer's very name, for payments whose amount is common."""
    rest = payments.join(known, on="payment_id", how="anti").filter(pl.col("name") != "")
    keyed = rest.select("payment_id", "currency", "amount_cents", key=name_key("name"))
    namesakes = claims.select("claim_id", "currency", "open_cents", key=name_key("name"))
    difference = pl.col("open_cents") - pl.col("amount_cents")
    found = [
        part.join(namesakes, on=["currency", "key"])
        .filter(difference.is_between(-2, pl.col("open_cents") // 20))
        .filter(pl.len().over("payment_id") <= SAME_AMOUNT_MAX)
        .select("payment_id", "claim_id")
        for part in keyed.iter_slices(PAYMENTS_AT_ONCE)  # a name may be a thousand debtors'
    ]
    return pl.concat(found) if found else pl.DataFrame(schema={"payment_id": pl.Int64, "claim_id": pl.Int64})


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


def _compacted(column: str) -> pl.Expr:
    return pl.col(column).str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "")


def _bare_frame(claims: pl.DataFrame) -> pl.DataFrame:
    """References as people write them without leading zeros; looked for as written only."""
    exploded = claims.select("claim_id", "references").explode("references").drop_nulls()
    zeros = exploded.filter(pl.col("references").str.contains(r"(^|[^A-Za-z0-9])0+[1-9]"))
    bare = pl.col("references").str.replace_all(r"(^|[^A-Za-z0-9])0+([1-9])", "${1}${2}")
    return (
        zeros.with_columns(bare=bare)
        .select("claim_id", reference=_compacted("bare"))
        .filter(pl.col("reference").str.len_chars() >= SIGNIFICANT_MIN)
        .unique()
    )


def _reference_frame(claims: pl.DataFrame) -> pl.DataFrame:
    """claim_id, reference: as it is, and its digits alone, where that is long enough to tell anything."""
    exploded = claims.select("claim_id", "references").explode("references").drop_nulls()
    whole = exploded.select("claim_id", reference=_compacted("references"))
    digits = whole.filter(pl.col("reference").str.contains("[A-Z]")).with_columns(
        pl.col("reference").str.replace_all("[A-Z]", "")
    )
    return (
        pl.concat([whole, digits])
        .filter(
            (pl.col("reference").str.len_chars() >= SIGNIFICANT_MIN)
            & pl.col("reference").str.contains("[1-9]")
        )
        .unique()
    )
