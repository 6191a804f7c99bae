"""What the door of HTTP must do, case by case, in numbered groups: what a
visitor sends, what the backend must see of it, what the backend answers, and
what the visitor must get.  The groups are in files by what they are about."""

from http_case import CASES
import http_cases_body
import http_cases_head
import http_cases_visit
import http_cases_flow

__all__ = ["CASES"]
