# Databricks notebook source
import os

os.environ["SHOP_TOKEN"]
