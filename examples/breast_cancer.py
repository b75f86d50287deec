"""Breast cancer, one feature: how well can any rule tell malignant from benign by the radius?

212 malignant and 357 benign tumours (scikit-learn's `breast_cancer`). If both are equally frequent,
the best rule on a feature is right in (1 + TV)/2 of the cases; `diagnose` takes each sample by
itself, which is that case. Two classifiers, balanced and cross-validated, check it. The figure:

    ratiogan diagnose --real malignant.csv --gen benign.csv -o cancer
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier

import ratiogan as rg


def main():
    tumours = load_breast_cancer()
    radius = tumours.data[:, list(tumours.feature_names).index("mean radius")]
    malignant, benign = radius[tumours.target == 0], radius[tumours.target == 1]
    for name, values in (("malignant", malignant), ("benign", benign)):
        np.savetxt(f"{name}.csv", values, fmt="%.3f", header="radius", comments="")

    tv = rg.diagnose(malignant, benign).tv
    best, low, high, raw = ((1 + x) / 2 for x in (tv.estimate, *tv.ci, tv.value))
    line, tree = (
        cross_val_score(
            judge, radius[:, None], tumours.target, cv=10, scoring="balanced_accuracy"
        ).mean()
        for judge in (
            LogisticRegression(class_weight="balanced"),
            DecisionTreeClassifier(min_samples_leaf=20, class_weight="balanced", random_state=0),
        )
    )
    print(
        f"Between the radii of {malignant.size} malignant and {benign.size} benign tumours TV ="
        f" {tv.estimate:.2f} [{tv.ci[0]:.2f}, {tv.ci[1]:.2f}], so that the best rule is right in"
        f" {best:.1%} [{low:.1%}, {high:.1%}] of the cases (the raw TV promises {raw:.1%});"
        f" logistic regression, which knows nothing of it, reaches {line:.1%}, a tree {tree:.1%}."
    )
    print("wrote malignant.csv benign.csv")


if __name__ == "__main__":
    main()
