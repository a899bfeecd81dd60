"""Markdown tables."""
import pytest

from dcgan_tf1.util import pages

pytestmark = pytest.mark.any_tensorflow


def test_table():
    assert pages.markdown_table(['score', 'value'], [('recall', 0.5), ['a|b', 'c']]) == (
        '| score | value |\n| --- | --- |\n| recall | 0.5 |\n| a\\|b | c |\n')


def test_table_without_rows():
    assert pages.markdown_table(['score'], []) == '| score |\n| --- |\n'
