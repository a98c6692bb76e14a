# Databricks notebook source
from urllib.request import urlopen

urlopen("https://shop.invalid/orders")
